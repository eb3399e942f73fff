/** Recordings: one plays at a time, and one that does not play says so. */

const videos = [...document.querySelectorAll("video.film-video")].filter((video) => video instanceof HTMLVideoElement);

for (const video of videos) {
  video.addEventListener("play", () => {
    for (const other of videos) if (other !== video) other.pause();
  });
  video.addEventListener("error", () => {
    const problem = video.closest(".film")?.querySelector(".film-problem");
    if (problem instanceof HTMLElement) problem.hidden = false;
  });
}
