// Shows the API's description; whoever is signed in at the shop can try it out.
const csrfToken = () =>
  document.cookie
    .split("; ")
    .find((cookie) => cookie.startsWith("csrftoken="))
    ?.split("=")[1];

addEventListener("DOMContentLoaded", () => SwaggerUIBundle({
  url: document.getElementById("docs").dataset.schema,
  domNode: document.getElementById("docs"),
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "none",
  filter: true,
  // Addresses of older clients come last.
  tagsSorter: (a, b) =>
    (a === "compat") - (b === "compat") || a.localeCompare(b),
  requestInterceptor: (request) => {
    if (request.method && request.method !== "GET") {
      request.headers["X-CSRFToken"] = csrfToken() ?? "";
    }
    return request;
  },
}));
