policy "notifications" {
  target = kubernetes.deployment { namespace = "notify", name = "api" },
  replicas = { min = 2, max = 10 },
  start_up = "30s",
  metrics = {
    cpu = prometheus { query = 'avg(rate(process_cpu_seconds_total{job="notify"}[2m]))', unit = "ratoi", per = "replica" },
  },
  track = { cpu = 0.6 },
  cooldown = { scale_out = "2 min" },
  schedule = {
    { name = "morning", cron = "0 7 * * 1-6", timezone = "Europe/Pari", duration = "2h", min = 4 },
  },
}
