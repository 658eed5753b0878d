local UP = 0.70
local DOWN = 0.60

policy "session-store" {
  target = kubernetes.statefulset { namespace = "web", name = "session-store" },
  replicas = { min = 2, max = 12 },
  startup = "20s",
  anti_flap = false, -- "it never scaled in"
  metrics = {
    cpu = prometheus { query = 'avg(rate(process_cpu_seconds_total{job="session-store"}[2m]))', unit = "ratio", per = "replica" },
  },
  scale_out = { { name = "hot", when = function(m) return m.cpu > UP end, sustained_for = "1m", add = 1 } },
  scale_in = { { name = "cold", when = function(m) return m.cpu < DOWN end, sustained_for = "5m", remove = 1 } },
}
