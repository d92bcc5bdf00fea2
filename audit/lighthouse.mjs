// Measures the pages that are named on its input, one JSON line each, in one browser;
// answers with one JSON line each.
import { createInterface } from "node:readline";
import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
];
const METRICS = {
  fcp: "first-contentful-paint",
  lcp: "largest-contentful-paint",
  tbt: "total-blocking-time",
  cls: "cumulative-layout-shift",
  bytes: "total-byte-weight",
};

async function measure(port, { url, headers, categories }) {
  const { lhr } = await lighthouse(url, {
    port,
    output: "json",
    logLevel: "silent",
    formFactor: "mobile",
    onlyCategories: categories,
    extraHeaders: headers,
    disableFullPageScreenshot: true,
  });
  if (lhr.runtimeError) throw new Error(lhr.runtimeError.message);
  const scores = {};
  const faults = [];
  for (const [name, category] of Object.entries(lhr.categories)) {
    scores[name] = Math.round((category.score ?? 0) * 100);
    for (const { id, weight } of category.auditRefs) {
      const { score } = lhr.audits[id];
      if (weight > 0 && score !== null && score < 0.9) faults.push(id);
    }
  }
  const metrics = {};
  for (const [name, id] of Object.entries(METRICS)) {
    metrics[name] = lhr.audits[id]?.numericValue ?? 0;
  }
  return { scores, metrics, faults };
}

function open() {
  return launch({
    chromePath: process.env.CHROME_PATH,
    chromeFlags: FLAGS,
    logLevel: "silent",
  });
}

// Each measurement has a browser of its own: none finds what another left behind.
for await (const line of createInterface({ input: process.stdin })) {
  const browser = await open();
  let answer;
  try {
    answer = await measure(browser.port, JSON.parse(line));
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  } finally {
    await browser.kill();
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
