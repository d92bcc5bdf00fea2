// Pages come from the network, always; without one there is /offline/. Files of this
// release come from the cache. Nothing that is somebody's own is ever kept.
const VERSION = "{{ version|escapejs }}";
const OFFLINE = "{{ offline|escapejs }}";
const STATIC = "{{ static|escapejs }}";
const KEPT = [OFFLINE{% for address in kept %}, "{{ address|escapejs }}"{% endfor %}];
// Names without a mark of their content may hold something else by now.
const IS_HASHED = {{ is_hashed|yesno:"true,false" }};

const keepAll = async () => {
  const cache = await caches.open(VERSION);
  await cache.addAll(KEPT.map((address) => new Request(address, { cache: "reload" })));
};

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(keepAll());
});

addEventListener("activate", (event) => {
  const forget = async () => {
    for (const name of await caches.keys()) if (name !== VERSION) await caches.delete(name);
  };
  event.waitUntil(forget());
});

const fromNetwork = async (request) => {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(request, { ignoreVary: true });
    if (kept) return kept;
    throw error;
  }
};

const ofRelease = async (request) => {
  const cache = await caches.open(VERSION);
  const kept = await cache.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.status === 200) await cache.put(request, answer.clone());
  return answer;
};

// Who has chosen another language gets the page without a network in it, too.
const speakAs = async (language) => {
  const kept = await caches.match(OFFLINE, { ignoreVary: true });
  if (language && kept?.headers.get("Content-Language") !== language) await keepAll();
};

const page = async (event) => {
  try {
    const answer = await fetch(event.request);
    event.waitUntil(speakAs(answer.headers.get("Content-Language")).catch(() => {}));
    return answer;
  } catch {
    return (await caches.match(OFFLINE, { ignoreVary: true })) ?? Response.error();
  }
};

addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const isOurs = origin === location.origin && request.method === "GET";
  if (!isOurs || /^\/(admin|api|_allauth)\//.test(pathname)) return;
  if (pathname.startsWith(STATIC)) {
    event.respondWith(IS_HASHED ? ofRelease(request) : fromNetwork(request));
  } else if (request.mode === "navigate") event.respondWith(page(event));
});
