local rising = 0

policy "webhook-sender" {
  target = kubernetes.deployment { namespace = "hooks", name = "sender" },
  replicas = { min = 2, max = 20 },
  metrics = { queue = prometheus { query = "sum(hooks_pending)", unit = "count", per = "total" } },
  scale_out = {
    {
      name = "rising",
      when = function(m)
        if m.queue > 100 then rising = rising + 1 else rising = 0 end
        return rising > 4
      end,
      add = 1,
    },
  },
  scale_in = { { name = "low", when = function(m) return m.queue < 10 end, sustained_for = "10m", remove = 1 } },
}
