-- Runs a script twice and prints the processor time of the second run, in seconds, to the standard error. The first run warms up.
--   timed.lua SCRIPT WARM-UP'S-ARGUMENT [ARGUMENT]
local script, warm, argument = assert(loadfile(arg[1])), arg[2], arg[3]
arg = { [0] = arg[1], warm }
script()
collectgarbage()
arg = { [0] = arg[0], argument }
local start = os.clock()
script()
io.stderr:write(string.format("processor %.6f\n", os.clock() - start))
