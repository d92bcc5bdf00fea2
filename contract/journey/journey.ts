// What the README does by curl, with the types that the description gives.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };
type Order = components["schemas"]["PlacedOrder"];
type Campaign = components["schemas"]["Campaign"];

const baseUrl = process.argv[2] ?? "http://127.0.0.1:8000";
const client = createClient<paths>({ baseUrl });
const email = `ts-${Date.now()}@example.com`;
const password = "paper and seal 7";

// A reply, or the problem it is: the code of a problem is a string, always.
const ok = <T>(reply: { data?: T; error?: { code: string; detail: string } }): T => {
  if (reply.data === undefined) {
    throw new Error(`${reply.error?.code}: ${reply.error?.detail}`);
  }
  return reply.data;
};

ok(await client.POST("/api/v1/auth/register", { body: { email, password } }));
const { access } = ok(
  await client.POST("/api/v1/auth/token", { body: { email, password } }),
);
client.use({
  onRequest: ({ request }) => {
    request.headers.set("Authorization", `Bearer ${access}`);
    return request;
  },
});

const { balance } = ok(
  await client.POST("/api/v1/points/charge", {
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
    body: { amount: 300_000 },
  }),
);
const campaigns = ok(await client.GET("/api/v1/coupon-campaigns"));
const open: Campaign | undefined = campaigns.items.find(
  (campaign) => campaign.is_open && campaign.left > 0,
);
if (!open) throw new Error("no campaign is open");
const coupon = ok(
  await client.POST("/api/v1/coupons/issue", { body: { campaign_id: open.id } }),
);

const products = ok(
  await client.GET("/api/v1/products", { params: { query: { limit: 50 } } }),
);
const fitting = products.items.find(
  ({ available, price }) => available > 3 && price.amount * 2 >= coupon.discount.min_spend.amount && price.amount < 90_000,
);
if (!fitting) throw new Error("nothing to buy");
const order: Order = ok(
  await client.POST("/api/v1/orders", {
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
    body: {
      items: [{ product_id: fitting.id, quantity: 2 }],
      coupon_id: coupon.id,
    },
  }),
);
const paid = ok(
  await client.POST("/api/v1/orders/{order_id}/pay", {
    params: { path: { order_id: order.id } },
    body: { method: "points" },
  }),
);
if (paid.status !== "captured") throw new Error(`the payment is ${paid.status}`);
const seen = ok(
  await client.GET("/api/v1/orders/{order_id}", {
    params: { path: { order_id: order.id } },
  }),
);
if (seen.status !== "paid") throw new Error(`the order is ${seen.status}`);
console.log(
  `${seen.number} is ${seen.status}: ${seen.total.amount} ${seen.total.currency} of ${balance} points, ${seen.discount.amount} off`,
);
