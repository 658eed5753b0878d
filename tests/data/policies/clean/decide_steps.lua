local steps = {
  { above = 5000, replicas = 40 },
  { above = 2000, replicas = 20 },
  { above = 500, replicas = 8 },
}

local function step_for(load)
  for _, step in ipairs(steps) do
    if load > step.above then return step.replicas end
  end
  return 3
end

policy "print-farm" {
  target = kubernetes.deployment { namespace = "print", name = "farm" },
  replicas = { min = 3, max = 40 },
  metrics = {
    pages = prometheus { query = "sum(print_pages_waiting)", unit = "count", per = "total" },
  },
  decide = function(m, ctx)
    local want = step_for(m.pages)
    -- One step at a time on the way down.
    if want < ctx.replicas then return math.max(want, ctx.replicas - 4) end
    return want
  end,
  cooldown = { scale_in = "5m" },
}
