-- wrk: posts the lines of a file one after the other, each thread from its own place; prints the results as JSON.
local lines, at = {}, 0
local file, authorization = os.getenv("BENCH_PAYLOADS"), os.getenv("BENCH_AUTHORIZATION")

function init()
  for line in io.lines(file) do lines[#lines + 1] = line end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = authorization
end

function request()
  at = at % #lines + 1
  return wrk.format(nil, nil, nil, lines[at])
end

function done(summary, latency)
  io.write(string.format('{"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout))
end
