/* One DICOM image for the viewer: fetched by WADO-RS, its stored values as Int16, and the grey-level rules.
   Sources: DICOM PS3.18 10.4 (Retrieve), PS3.18 F.2 (JSON), PS3.3 C.11.1 (Modality LUT), C.11.2.1.2 (window). */

export class ImageFailed extends Error {}

/** Made from another picture, as the hub's heat maps are; a radiograph that its device processed is DERIVED, PRIMARY. */
const isDerived = (data) => (data["00080008"]?.Value ?? []).slice(0, 2).join() === "DERIVED,SECONDARY";

/** Modalities of what refers to pictures and is none: reports, key objects, presentation states, segmentations. */
const NO_PICTURES = new Set(["SR", "KO", "PR", "SEG"]);

/** The instances of a study that hold pixels, in reading order: [{series, instance, label}]. */
export async function listInstances(study, signal) {
  const found = await fetched(`/dicomweb/studies/${study}/metadata`, "application/dicom+json", signal);
  return (await found.json())
    .filter((data) => value(data, "00280010") && !isDerived(data) && !NO_PICTURES.has(value(data, "00080060")))
    .map((data) => ({
      series: value(data, "0020000E"),
      instance: value(data, "00080018"),
      order: [number(data, "00200011", 0), number(data, "00200013", 0)],
      label: [value(data, "0008103E"), value(data, "00185101")].filter(Boolean).join(" · "),
    }))
    .sort((a, b) => a.order[0] - b.order[0] || a.order[1] - b.order[1]);
}

/** Metadata and pixels of one instance. */
export async function fetchImage({ study, series, instance }, signal) {
  const address = `/dicomweb/studies/${study}/series/${series}/instances/${instance}`;
  const [metadata, frame] = await Promise.all([
    fetched(`${address}/metadata`, "application/dicom+json", signal).then((answer) => answer.json()),
    fetched(`${address}/frames/1`, "application/octet-stream", signal).then(wholeFrame),
  ]);
  return parse(metadata[0], frame);
}

async function fetched(address, accept, signal) {
  const answer = await fetch(address, { headers: { Accept: accept }, signal }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new ImageFailed("The image could not be fetched: the hub does not answer.");
  });
  if (answer.ok && !answer.redirected) return answer;
  throw new ImageFailed(
    {
      401: "You are signed out, so the image cannot be shown. Sign in again in another tab.",
      403: "Your role may not see this image.",
      404: "The image is not here yet.",
    }[answer.status] ?? `The image could not be fetched (${answer.status}).`,
  );
}

/** A frame may come bare or as the only part of a multipart answer. */
async function wholeFrame(answer) {
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const boundary = /multipart\/related.*boundary="?([^";]+)/i.exec(answer.headers.get("content-type") ?? "")?.[1];
  if (!boundary) return bytes;
  const text = new TextDecoder("latin1").decode(bytes);
  const start = text.indexOf("\r\n\r\n") + 4;
  return bytes.slice(start, text.lastIndexOf(`\r\n--${boundary}`));
}

const value = (data, tag) => {
  const first = data[tag]?.Value?.[0];
  return first && typeof first === "object" ? first.Alphabetic : first;
};
const number = (data, tag, otherwise) => {
  const found = Number(value(data, tag));
  return value(data, tag) !== undefined && Number.isFinite(found) ? found : otherwise;
};

/** Stored values as Int16 (what an R16I texture takes); unsigned 16-bit values are shifted, and the intercept with them. */
export function parse(data, bytes) {
  const rows = number(data, "00280010");
  const columns = number(data, "00280011");
  const allocated = number(data, "00280100", 16);
  const signed = number(data, "00280103", 0) === 1;
  const bits = number(data, "00280101", allocated);
  if (number(data, "00280002", 1) !== 1 || ![8, 16].includes(allocated)) {
    throw new ImageFailed("This viewer shows grey-scale images of 8 or 16 bits; this one is of another kind.");
  }
  if (bytes.byteLength < (rows * columns * allocated) / 8) throw new ImageFailed("The image arrived incomplete.");
  const source = allocated === 8 ? bytes : littleEndian(bytes, rows * columns);
  const shift = !signed && bits === 16 ? 32768 : 0;
  const stored = new Int16Array(rows * columns);
  const unused = 32 - bits;
  for (let i = 0; i < stored.length; i++) {
    stored[i] = signed ? (source[i] << unused) >> unused : ((source[i] << unused) >>> unused) - shift;
  }
  const slope = number(data, "00281053", 1) || 1;
  const intercept = number(data, "00281052", 0);
  const levels = spread(stored).map((level) => (level + shift) * slope + intercept);
  const [low, high] = [Math.min(...levels), Math.max(...levels)];
  const width = number(data, "00281051", 0);
  return {
    instance: value(data, "00080018"),
    of: data["00082112"]?.Value?.[0]?.["00081155"]?.Value?.[0],
    rows,
    columns,
    stored,
    slope,
    intercept: intercept + shift * slope,
    inverted: value(data, "00280004") === "MONOCHROME1",
    exact: value(data, "00281056") === "LINEAR_EXACT",
    ...pixelSize(data),
    presets: {
      acquired: width >= 1 ? { center: number(data, "00281050", 0), width } : between(low, high),
      full: between(low, high),
      dark: between(levels[1], levels[4]),
      bright: between(levels[3], levels[6]),
    },
  };
}

function littleEndian(bytes, count) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint16Array.from({ length: count }, (_, i) => view.getUint16(2 * i, true));
}

/** Millimetres of a pixel; real files carry `0\0` here, which says nothing. */
function pixelSize(data) {
  for (const tag of ["00280030", "00181164"]) {
    const [row, column] = (data[tag]?.Value ?? []).map(Number);
    if (row > 0 && column > 0) return { aspect: row / column, millimetres: column };
  }
  const [down, across] = (data["00280034"]?.Value ?? []).map(Number);
  return { aspect: down > 0 && across > 0 ? down / across : 1, millimetres: null };
}

/** Minimum, 2, 5, 40, 60, 98 % and maximum of the stored values. */
function spread(stored) {
  const counts = new Uint32Array(65536);
  for (const level of stored) counts[level + 32768]++;
  const wanted = [0, 0.02, 0.05, 0.4, 0.6, 0.98, 1].map((share) => share * (stored.length - 1));
  const found = [];
  for (let level = 0, seen = 0; level < counts.length && found.length < wanted.length; level++) {
    seen += counts[level];
    while (found.length < wanted.length && seen > wanted[found.length]) found.push(level - 32768);
  }
  return found;
}

function between(low, high) {
  const width = Math.max(high - low + 1, 2);
  return { center: low + width / 2, width };
}

/** Slope and offset of the window's ramp, 0 to 1 when clamped. Source: PS3.3 C.11.2.1.2.1 and .2. */
export function ramp(image, { center, width }) {
  const [c, w] = image.exact ? [center, Math.max(width, 1e-6)] : [center - 0.5, Math.max(width - 1, 1e-6)];
  return { slope: image.slope / w, offset: (image.intercept - c) / w + 0.5 };
}
