-- Sends one request over and over: METHOD, MEDIA and BODY_FILE in the environment. Ends with a line of JSON.
local file = assert(io.open(os.getenv("BODY_FILE"), "rb"))
wrk.method = os.getenv("METHOD")
wrk.headers["Content-Type"] = os.getenv("MEDIA")
wrk.body = file:read("*a")
file:close()

function done(summary, latency)
   local errors = summary.errors
   io.stdout:write(string.format(
      '\n{"requests": %d, "duration_us": %d, "refused": %d, "broken": %d, "p50_us": %d, "p99_us": %d}\n',
      summary.requests, summary.duration, errors.status,
      errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50), latency:percentile(99)))
end
