-- For wrk: exchanges refresh tokens, each once: those of a file first, then those that come back. Prints as load.lua does.
-- Arguments: file of tokens, path.

local tokens, first, last, path = {}, 1, 0, nil

function init(args)
  wrk.method, path = "POST", args[2]
  for token in io.lines(args[1]) do last = last + 1; tokens[last] = token end
end

function request()
  local token = tokens[first]
  if token == nil then error("no token is left: start with more of them") end
  tokens[first] = nil
  first = first + 1
  return wrk.format(nil, path, nil, '{"refresh_token":"' .. token .. '"}')
end

function response(status, headers, body)
  local token = body:match('"refresh_token":"([^"]+)"')
  if token then last = last + 1; tokens[last] = token end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "microseconds": %d, "p50": %.0f, "p90": %.0f, "p99": %.0f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(90), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
