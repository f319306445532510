-- Runs a script again and again, and prints the processor time of each run, in nanoseconds, to the standard error. The first
-- run only warms up, and is not printed.
--   slices.lua SCRIPT ARGUMENT RUNS
local script, argument, runs = assert(loadfile(arg[1])), arg[2], tonumber(arg[3])
local times = {}
arg = { [0] = arg[1], argument }
for run = 0, runs do
  collectgarbage()
  local start = os.clock()
  script()
  times[run] = os.clock() - start
end
for run = 1, runs do
  io.stderr:write(string.format("slice %.0f\n", times[run] * 1e9))
end
