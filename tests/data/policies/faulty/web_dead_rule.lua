policy "recommendations" {
  target = kubernetes.deployment { namespace = "reco", name = "api" },
  replicas = { min = 2, max = 25 },
  startup = "50s",
  metrics = {
    cpu = prometheus { query = 'avg(rate(process_cpu_seconds_total{job="reco"}[2m]))', unit = "ratio", per = "replica", saturation = 1 },
    mem = prometheus { query = 'avg(process_resident_memory_bytes{job="reco"}) / 2e9', unit = "ratio", per = "replica" },
  },
  scale_out = {
    { name = "warm", when = function(m) return m.cpu > 0.6 end, sustained_for = "1m", add = 3 },
    { name = "hot", when = function(m) return m.cpu > 0.8 end, sustained_for = "1m", add = 1 },
    { name = "both", when = function(m) return m.cpu > 0.9 and m.cpu < 0.5 end, add = 5 },
  },
  scale_in = {
    { name = "idle", when = function(m) return m.cpu < 0.25 end, sustained_for = "10m", remove = 1 },
  },
  cooldown = { scale_out = "2m" },
}
