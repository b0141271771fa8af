/* Small things that every page gains from a script; each page works without it. */

/** Times are written in UTC; show them in the reader's own zone, with the date only when it is not today. */
export function localTimes(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const today = moment.toDateString() === new Date().toDateString();
    const format = { hour: "2-digit", minute: "2-digit", hour12: false };
    if (!today) Object.assign(format, { day: "numeric", month: "short", year: "numeric" });
    element.textContent = (today ? "today, " : "") + new Intl.DateTimeFormat("en-GB", format).format(moment);
    element.title = `${moment.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  }
}

localTimes();
