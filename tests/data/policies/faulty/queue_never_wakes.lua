policy "pdf-export" {
  target = kubernetes.deployment { namespace = "docs", name = "pdf-export" },
  replicas = { min = 0, max = 10 },
  startup = "25s",
  metrics = {
    cpu = prometheus { query = 'avg(rate(process_cpu_seconds_total{job="pdf-export"}[2m]))', unit = "ratio", per = "replica", saturation = 1 },
  },
  track = { cpu = 0.7 },
}
