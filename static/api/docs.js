// Shows the API's description; whoever is signed in at the shop can try it out.
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
      request.headers["X-CSRFToken"] = document.getElementById("docs").dataset.csrf;
    }
    return request;
  },
}));
