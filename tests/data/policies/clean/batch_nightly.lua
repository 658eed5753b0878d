-- The nightly settlement starts at 01:30 and has to be through by six.
policy "settlement" {
  target = kubernetes.deployment { namespace = "finance", name = "settlement" },
  replicas = { min = 1, max = 40 },
  startup = "1m",
  interval = "1m",
  metrics = {
    pending = prometheus { query = "sum(settlement_batches_pending)", unit = "count", per = "total" },
  },
  schedule = {
    { name = "nightly run", cron = "25 1 * * *", timezone = "America/New_York", duration = "4h30m", min = 8 },
  },
  scale_out = {
    { name = "behind", when = function(m) return m.pending > 400 end, sustained_for = "3m", percent = 50 },
  },
  scale_in = {
    { name = "done", when = function(m) return m.pending < 40 end, sustained_for = "10m", percent = 25 },
  },
  cooldown = "5m",
}
