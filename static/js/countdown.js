// Turns <time data-countdown="seconds"> into a running clock. The number comes
// from the server, so a wrong clock on this device cannot open a coupon early.
const started = performance.now();

const clock = (seconds) => {
  const part = (value) => String(value).padStart(2, "0");
  const days = Math.floor(seconds / 86400);
  const hours = part(Math.floor((seconds % 86400) / 3600));
  const minutes = part(Math.floor((seconds % 3600) / 60));
  return `${days ? `${days}d ` : ""}${hours}:${minutes}:${part(seconds % 60)}`;
};

const tick = () => {
  const passed = Math.floor((performance.now() - started) / 1000);
  for (const element of document.querySelectorAll("[data-countdown]")) {
    const left = Number(element.dataset.countdown) - passed;
    if (left > 0) {
      element.textContent = clock(left);
    } else {
      element.removeAttribute("data-countdown");
      // Spread over a second and a half: thousands may be waiting for this moment.
      setTimeout(() => location.reload(), Math.random() * 1500);
    }
  }
};

if (document.querySelector("[data-countdown]")) {
  tick();
  setInterval(tick, 1000);
}
