-- Sorts and formats many strings and prints a checksum. Deterministic: its own generator, no clock, no addresses.
--   strings.lua [COUNT]      COUNT defaults to 200000
local count = tonumber(arg and arg[1]) or 200000

local state = 20240229
local function random(limit)
  state = (state * 1103515245 + 12345) % 2147483648
  return state // 65536 % limit
end

local syllables = { "ka", "lo", "mi", "ne", "ru", "sa", "ti", "vo", "xe", "zu" }

local function word(index)
  local a = syllables[random(10) + 1]
  local b = syllables[random(10) + 1]
  return a .. b .. random(10000) .. "-" .. index % 97
end

local words = {}
for index = 1, count do
  words[index] = word(index)
end
table.sort(words)

local sum = 0
local shown = {}
for index, text in ipairs(words) do
  local line = string.format("%06d %-12s %5.1f", index, text, index / 7)
  sum = (sum * 31 + line:byte(8) + line:byte(-1) + #line) % 4294967291
  if index % (count // 4) == 0 then
    shown[#shown + 1] = line
  end
end
for _, line in ipairs(shown) do
  print(line)
end
print("checksum", sum)
