-- Runs a script, and prints the processor time of the whole process, in seconds, to the standard error.
--   timed.lua SCRIPT ARG...
dofile(table.remove(arg, 1))
io.stderr:write(string.format("processor %.6f\n", os.clock()))
