local metrics = {cpu = 0.8, memory = 0.6}

local function scale_out()
  print("scale out")
end

local function scale_in()
  print("scale in")
end

if metrics.cpu > 0.8 then
  scale_out()
elseif metrics.memory < 0.5 then
  scale_in()
end
