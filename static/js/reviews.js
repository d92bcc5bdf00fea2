// Names the photos that were chosen; the form works without it.
const input = document.getElementById("photos");
input?.addEventListener("change", () => {
  const names = [...input.files].map((file) => file.name);
  document.getElementById("photo-names").textContent = names.join(", ");
});
