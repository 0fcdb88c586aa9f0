// Express and ioredis: an XADD for each request, sent to Redis together with those of the same tick.
import express from "express";
import { Redis } from "ioredis";

const redis = new Redis(process.env.REDIS_URL, { enableAutoPipelining: true });
const app = express().disable("x-powered-by").disable("etag");

app.post("/events", express.json(), async (request, response) => {
  if (typeof request.body?.timestamp !== "number") {
    return response.status(400).json({ error: "timestamp is not a number" });
  }
  const id = await redis.xadd("events", "*", "event", JSON.stringify(request.body));
  return response.status(201).json({ id });
});

app.listen(Number(process.env.PORT), "127.0.0.1");
