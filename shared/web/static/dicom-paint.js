/* Two painters of one image: WebGL2 (one R16I texture, windowed in the shader), and a 2D canvas where there is no WebGL2.
   Both take `stored * slope + offset`, clamped to 0..1, as the grey level; `dicom-image.js` gives slope and offset. */

const VERTEX = `#version 300 es
void main() { gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0, 1); }`;

const FRAGMENT = `#version 300 es
precision highp float; precision highp int; precision highp isampler2D;
uniform isampler2D image; uniform sampler2D heat;
uniform ivec2 size; uniform vec2 origin, pace; uniform float height, slope, offset, opacity; uniform bool invert;
out vec4 color;
float at(ivec2 p) { return float(texelFetch(image, clamp(p, ivec2(0), size - 1), 0).r); }
float level(vec2 p) {
  if (pace.x <= 1.0) {                     // enlarged: between the four nearest
    vec2 q = p - 0.5; ivec2 i = ivec2(floor(q)); vec2 f = q - floor(q);
    return mix(mix(at(i), at(i + ivec2(1, 0)), f.x), mix(at(i + ivec2(0, 1)), at(i + 1), f.x), f.y);
  }
  int n = min(int(ceil(pace.x)), 6);       // reduced: the mean of what one screen pixel covers
  float sum = 0.0;
  for (int y = 0; y < n; y++) for (int x = 0; x < n; x++)
    sum += at(ivec2(floor(p + (vec2(x, y) + 0.5) / float(n) * pace - 0.5 * pace)));
  return sum / float(n * n);
}
void main() {
  vec2 p = (vec2(gl_FragCoord.x, height - gl_FragCoord.y) - origin) * pace;
  if (any(lessThan(p, vec2(0))) || any(greaterThanEqual(p, vec2(size)))) { color = vec4(0, 0, 0, 1); return; }
  float grey = clamp(level(p) * slope + offset, 0.0, 1.0);
  vec3 shown = vec3(invert ? 1.0 - grey : grey);
  float h = texture(heat, p / vec2(size)).r;
  color = vec4(mix(shown, mix(vec3(1.0, 0.85, 0.25), vec3(0.88, 0.12, 0.2), h), opacity * smoothstep(0.15, 0.75, h)), 1);
}`;

const NAMES = ["image", "heat", "size", "origin", "pace", "height", "slope", "offset", "opacity", "invert"];

/** A painter on a canvas: {kind, load(image), heat(map | null), paint(view)}; WebGL2 when there is one. */
export function painterFor(canvas, software = false) {
  const gl = software ? null : canvas.getContext("webgl2", { alpha: false, antialias: false, preserveDrawingBuffer: true });
  return gl ? webgl(gl) : flat(canvas);
}

function webgl(gl) {
  const program = gl.createProgram();
  for (const [type, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  const place = Object.fromEntries(NAMES.map((name) => [name, gl.getUniformLocation(program, name)]));
  const texture = (unit, filter) => {
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const key of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, key, filter);
    for (const key of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, key, gl.CLAMP_TO_EDGE);
  };
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  texture(0, gl.NEAREST);
  texture(1, gl.LINEAR);
  gl.uniform1i(place.image, 0);
  gl.uniform1i(place.heat, 1);
  const most = gl.getParameter(gl.MAX_TEXTURE_SIZE);
  const load = ({ columns, rows, stored }) => {
    if (Math.max(columns, rows) > most) throw new RangeError("larger than a texture");
    gl.activeTexture(gl.TEXTURE0);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R16I, columns, rows, 0, gl.RED_INTEGER, gl.SHORT, stored);
    gl.uniform2i(place.size, columns, rows);
  };
  const heat = (map) => {
    gl.activeTexture(gl.TEXTURE1);
    const { columns, rows, levels } = map ?? { columns: 1, rows: 1, levels: new Uint8Array(1) };
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, columns, rows, 0, gl.RED, gl.UNSIGNED_BYTE, levels);
  };
  const paint = ({ origin, pace, slope, offset, opacity, invert }) => {
    gl.viewport(0, 0, gl.canvas.width, gl.canvas.height);
    gl.uniform2f(place.origin, ...origin);
    gl.uniform2f(place.pace, ...pace);
    gl.uniform1f(place.height, gl.canvas.height);
    gl.uniform1f(place.slope, slope);
    gl.uniform1f(place.offset, offset);
    gl.uniform1f(place.opacity, opacity);
    gl.uniform1i(place.invert, invert ? 1 : 0);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  };
  heat(null);
  return { kind: "webgl2", load, heat, paint };
}

function flat(canvas) {
  const context = canvas.getContext("2d", { alpha: false });
  const layer = () => new OffscreenCanvas(1, 1);
  const [grey, colour] = [layer(), layer()];
  let image, pixels, shown;
  const load = (next) => {
    image = next;
    [grey.width, grey.height, shown] = [image.columns, image.rows, ""];
    pixels = new ImageData(image.columns, image.rows);
  };
  const heat = (map) => {
    const { columns, rows, levels } = map ?? { columns: 1, rows: 1, levels: [0] };
    [colour.width, colour.height] = [columns, rows];
    const painted = new ImageData(columns, rows);
    levels.forEach((level, i) => {
      const h = level / 255;
      const t = Math.min(Math.max((h - 0.15) / 0.6, 0), 1);
      painted.data.set([255 - 31 * h, 217 - 186 * h, 64 - 13 * h, 255 * t * t * (3 - 2 * t)], 4 * i);
    });
    colour.getContext("2d").putImageData(painted, 0, 0);
  };
  const paint = ({ origin, pace, slope, offset, opacity, invert }) => {
    const wanted = `${slope} ${offset} ${invert}`;
    if (wanted !== shown) {
      const words = new Uint32Array(pixels.data.buffer);
      image.stored.forEach((level, i) => {
        const light = Math.round(Math.min(Math.max(level * slope + offset, 0), 1) * 255);
        words[i] = 0xff000000 | ((invert ? 255 - light : light) * 0x010101);
      });
      grey.getContext("2d").putImageData(pixels, 0, 0);
      shown = wanted;
    }
    const place = [...origin, image.columns / pace[0], image.rows / pace[1]];
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = pace[0] !== 1;
    context.imageSmoothingQuality = "high";
    context.globalAlpha = 1;
    context.drawImage(grey, ...place);
    context.globalAlpha = opacity;
    context.drawImage(colour, ...place);
    context.globalAlpha = 1;
  };
  heat(null);
  return { kind: "2d", load, heat, paint };
}
