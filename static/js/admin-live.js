// Renews the numbers of a page of the admin; without it, "Refresh" does the same.
const part = document.getElementById("live");
const lost = document.getElementById("live-lost");
const { url, every, lost: lostText } = part.dataset;

const show = (html) => {
  const wereOpen = [...part.querySelectorAll("details")].map((one) => one.open);
  part.innerHTML = html;
  part.querySelectorAll("details").forEach((one, place) => {
    one.open = wereOpen[place] ?? false;
  });
};

const renew = async () => {
  if (!document.hidden) {
    try {
      const answer = await fetch(url);
      // Who was signed out in the meantime gets the page for signing in.
      if (!answer.ok || answer.redirected) throw new Error(answer.status);
      show(await answer.text());
      lost.textContent = "";
    } catch {
      lost.textContent = lostText;
    }
  }
  setTimeout(renew, every);
};

setTimeout(renew, every);
