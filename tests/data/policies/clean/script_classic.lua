-- Run at each tick; target and bounds are in luascale.yaml.
local hot, cold = 0.8, 0.5

if metrics.cpu > hot then
  log("cpu is " .. metrics.cpu .. ": out")
  scale_out(2)
elseif metrics.memory < cold and metrics.cpu < 0.4 then
  scale_in()
end
