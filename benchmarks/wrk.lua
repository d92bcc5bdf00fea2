-- Sends what a file says. Each line is one request, its parts parted by tabs: method,
-- path, Authorization, Cookie, Idempotency-Key, If-None-Match, body. An empty line ends
-- a flow; in a flow, {id} is the id of the last thing a reply called by one.
local threads = {}

function setup(thread)
  thread:set("place", #threads)
  table.insert(threads, thread)
end

function init(args)
  lines, at, failed = {}, 0, 0
  local share, flow = tonumber(args[2]), 0
  for line in io.lines(args[1]) do
    if line == "" then
      flow = flow + 1
    elseif flow % share == place then
      table.insert(lines, line)
    end
  end
  watch = args[3] == "watch"
  if not watch then response = nil end
end

function request()
  at = at % #lines + 1
  local parts = {}
  for part in (lines[at] .. "\t"):gmatch("([^\t]*)\t") do table.insert(parts, part) end
  local headers = { ["Content-Type"] = "application/json" }
  local names = { "Authorization", "Cookie", "Idempotency-Key", "If-None-Match" }
  for index, name in ipairs(names) do
    if parts[index + 2] ~= "" then headers[name] = parts[index + 2] end
  end
  local body = parts[7] ~= "" and parts[7] or nil
  return wrk.format(parts[1], (parts[2]:gsub("{id}", last_id or "")), headers, body)
end

function response(status, headers, body)
  last_id = body:match('"id":"([%x%-]+)"') or last_id
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
