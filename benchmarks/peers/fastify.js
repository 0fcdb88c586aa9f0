// Fastify and ioredis: an XADD for each request, sent to Redis together with those of the same tick.
import Fastify from "fastify";
import { Redis } from "ioredis";

const redis = new Redis(process.env.REDIS_URL, { enableAutoPipelining: true });
const app = Fastify({ logger: false });
const schema = {
  body: { type: "object", required: ["timestamp"], properties: { timestamp: { type: "number" } } },
  response: { 201: { type: "object", properties: { id: { type: "string" } } } },
};

app.post("/events", { schema }, async (request, reply) => {
  const id = await redis.xadd("events", "*", "event", JSON.stringify(request.body));
  return reply.code(201).send({ id });
});

await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
