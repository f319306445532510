-- Takes many ways through the interpreter, and prints what comes of them. Deterministic: no clock, no addresses, nothing random.
local sum = 0
local function note(value)
  sum = (sum * 31 + math.tointeger(value)) % 4294967291
end

-- Errors, which leave frames by longjmp: from Lua and from the library, through pcall, xpcall and coroutines.
local function fail(depth)
  if depth == 0 then error({ code = 7 }) end
  return 1 + fail(depth - 1)
end
for depth = 1, 60 do
  local ok, problem = pcall(fail, depth)
  assert(not ok)
  note(problem.code + depth)
  local _, text = xpcall(string.rep, function(message) return "handled: " .. message end, {})
  note(#text)
  local thread = coroutine.wrap(function() fail(depth) end)
  note(select(2, pcall(thread)).code)
end

-- Coroutines that produce, and closures over what they produce.
local function numbers(limit)
  return coroutine.wrap(function()
    for index = 1, limit do coroutine.yield(index) end
  end)
end
local closures = {}
for value in numbers(300) do closures[#closures + 1] = function(more) return value * more end end
for index, closure in ipairs(closures) do note(closure(index)) end

-- Metatables: arithmetic, indexing, calls, comparison, concatenation, closing.
local vector = {}
vector.__index = vector
vector.__add = function(a, b) return setmetatable({ a[1] + b[1], a[2] + b[2] }, vector) end
vector.__eq = function(a, b) return a[1] == b[1] and a[2] == b[2] end
vector.__lt = function(a, b) return a[1] < b[1] end
vector.__le = function(a, b) return a[1] <= b[1] end
vector.__concat = function(a, b) return tostring(a) .. tostring(b) end
vector.__tostring = function(a) return "(" .. a[1] .. "," .. a[2] .. ")" end
vector.__call = function(a, by) return a[1] * by end
vector.__len = function() return 2 end
vector.__close = function() note(5) end
for index = 1, 200 do
  local a <close> = setmetatable({ index, 2 * index }, vector)
  local b = a + setmetatable({ 1, 1 }, vector)
  note((a == b or a > b) and 1 or (a <= b) and 2 or 3)
  note(#(a .. b) + #a + b(3))
end

-- Strings: patterns, formats, packing; numbers of both kinds.
local text = string.rep("the quick brown fox jumps over 13 lazy dogs; ", 20)
for word, digits in text:gmatch("(%a+)%s*(%d*)") do note(#word + #digits) end
note(#text:gsub("%w+", function(word) return word:upper():reverse() end))
note(select(2, text:gsub("o(.)", "%1%1")))
for index = 1, 100 do
  local packed = string.pack("<i4 d s2", index, index / 3, "x" .. index)
  local whole, half, tail = string.unpack("<i4 d s2", packed)
  note(whole + half // 1 + #tail)
  note(#string.format("%5d|%-8s|%q|%a|%x|%g", index, "s" .. index, "q\n" .. index, index / 8, index, index / 7))
  note((index << 3 ~ index >> 1) & 0xffff)
  note(index ^ 2 % 97 // 1 | 0)
end

-- Tables: sorting, moving, concatenation, removal; code made at run time; the collector.
local list = {}
for index = 1, 500 do list[index] = (index * 7919) % 1009 end
table.sort(list, function(a, b) return a > b end)
note(list[1] + list[250] + list[500])
table.move(list, 1, 100, 50)
for _ = 1, 50 do note(table.remove(list, 3)) end
note(#table.concat(list, ","))
note(select("#", table.unpack(list, 1, 100)))
for index = 1, 40 do
  local chunk = assert(load("local a, b = ...; for i = 1, " .. index .. " do a = a + i * b end; goto done; ::done:: return a"))
  note(chunk(index, 2))
  note(#string.dump(chunk) > 0 and 1 or 0)
end
assert(not load("return return"))
local weak = setmetatable({}, { __mode = "v" })
for index = 1, 200 do weak[index] = { index } end
collectgarbage()
collectgarbage("generational")
for index = 1, 2000 do list[index % 50 + 1] = { tostring(index) } end
collectgarbage("incremental")
note(utf8.len("naïve café") + utf8.codepoint("ï"))
print("checksum", sum)
