-- For wrk: sends the paths of a file in turn, with one method and one body, and prints what happened as JSON.
-- Arguments: file of paths, method, body ("" for none), milliseconds each connection waits between requests.

local requests, position = {}, 0

function init(args)
  wrk.method = args[2]
  if args[3] ~= "" then wrk.body = args[3] end
  for path in io.lines(args[1]) do requests[#requests + 1] = wrk.format(nil, path) end
  local pause = tonumber(args[4])
  if pause > 0 then
    function delay() return pause end
  end
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "microseconds": %d, "p50": %.0f, "p90": %.0f, "p99": %.0f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(90), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
