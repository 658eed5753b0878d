-- Holds the linter's table of the library against the VM. `all` has a row for each function: its name,
-- fewest and most arguments (99: any number), a letter for the type of each. It ends with an error
-- that tells all differences, since a load gives back nothing else.
local told = {}
local function tell(...)
  local words = {}
  for i = 1, select("#", ...) do words[i] = tostring((select(i, ...))) end
  table.insert(told, table.concat(words, " "))
end

local function at(path)
  local value = _G
  for name in string.gmatch(path, "[^.]+") do value = value[name] end
  return value
end

local wrong = { n = {}, s = {}, t = 1, f = 1 }

local function letter(types, i)
  local place = math.min(i, #types)
  return string.sub(types, place, place)
end

local function given(types, count)
  local right = { n = 1, s = "x", f = function() return "x" end, ["*"] = 1 }
  local values = {}
  for i = 1, count do
    local l = letter(types, i)
    values[i] = if l == "t" then { 1 } else right[l]
  end
  return values
end

-- What a call says where it fails.
local function says(f, values, count)
  local ok, why = pcall(function() return f(table.unpack(values, 1, count)) end)
  return if ok then nil else tostring(why)
end

local function finds(why, ...)
  for _, text in ipairs({ ... }) do
    if why and string.find(why, text, 1, true) then return true end
  end
  return false
end

local function counts(why) return finds(why, "missing argument", "wrong number of arguments", "needs a") end

-- `pcall` and `xpcall` give back the error of calling what is no function; `error` always fails.
local protected = { pcall = true, xpcall = true, error = true }

for _, row in ipairs(all) do
  local path, least, most, types = row[1], row[2], row[3], row[4]
  local there, f = pcall(at, path)
  if not there or type(f) ~= "function" then
    tell(path, "is not in the VM")
    continue
  end
  if most ~= 99 and #types ~= most then tell(path, "names the types of", #types, "of", most) end
  local full = if most == 99 then math.max(least, #types) else most
  if counts(says(f, given(types, least), least)) then tell(path, "wants more than", least) end
  if least > 0 then
    local few = says(f, given(types, least - 1), least - 1)
    if not few then
      tell(path, "is content with", least - 1)
    elseif not counts(few) and not finds(few, "argument #" .. least) then
      tell(path, "with", least - 1, "says", few)
    end
  end
  local whole = says(f, given(types, full), full)
  if counts(whole) then tell(path, "does not take", full, whole) end
  for i = 1, if protected[path] then 0 else full do
    local l = letter(types, i)
    if wrong[l] ~= nil then
      local values = given(types, full)
      values[i] = wrong[l]
      local why = says(f, values, full)
      if not finds(why, "argument #" .. i, "needs a") then tell(path, "takes anything as", i, why) end
    end
  end
  -- What nobody reads may be anything; a wrong number is said of `table.insert` alone.
  for _, extra in ipairs(if most == 99 then {} else { {}, 1, "x", false }) do
    local values = given(types, full)
    values[full + 1] = extra
    local why = says(f, values, full + 1)
    if why ~= whole and not finds(why, "wrong number of arguments") then tell(path, "reads", full + 1, why) end
  end
end

local known = {}
for _, row in ipairs(all) do known[row[1]] = true end
for _, name in ipairs(absent) do
  known[name] = true
  local ok, why = pcall(function()
    local value = at(name)
    return if type(value) == "function" then value() else value.anything
  end)
  if ok or not finds(tostring(why), "is not there") then tell(name, "is there after all", why) end
end
for _, names in ipairs({ library, engine }) do
  for _, name in ipairs(names) do
    known[name] = true
    if not pcall(at, name) then tell(name, "is not in the VM") end
  end
end
for name in pairs(_G) do
  if not known[name] and string.sub(name, 1, 2) ~= "__" then tell(name, "is not known") end
end
for _, name in ipairs({ "bit32", "math", "string", "table", "utf8" }) do
  for field, value in pairs(at(name)) do
    local path = name .. "." .. field
    if type(value) == "function" and not known[path] then tell(path, "has no signature") end
  end
end
error(table.concat(told, "; ") .. " DIFFERENCES " .. #told)
