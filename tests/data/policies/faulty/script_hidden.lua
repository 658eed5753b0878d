-- Copied from a test: the locals hide what the engine gives, so nothing ever happens.
local metrics = { cpu = 0.9, memory = 0.2 }
local function scale_out() print("out") end
local function scale_in() print("in") end

if metrics.cpu > 0.8 then
  scale_out()
elseif metrics.memory < 0.5 then
  scale_in()
end
