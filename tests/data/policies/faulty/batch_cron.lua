policy "payroll" {
  target = kubernetes.deployment { namespace = "hr", name = "payroll" },
  replicas = { min = 1, max = 10 },
  metrics = { pending = prometheus { query = "sum(payroll_pending)", unit = "count", per = "total" } },
  scale_out = { { name = "work", when = function(m) return m.pending > 50 end, add = 2 } },
  scale_in = { { name = "done", when = function(m) return m.pending < 5 end, sustained_for = "10m", remove = 1 } },
  schedule = {
    { name = "payday", cron = "0 24 25 * *", timezone = "Europe/Madrid", duration = "6h", min = 4 },
    { name = "year end", cron = "0 0 1 1 *", timezone = "Europe/Madrid", duration = "24h", min = 12, max = 6 },
  },
}
