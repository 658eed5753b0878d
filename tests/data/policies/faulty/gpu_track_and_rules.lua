policy "embedder" {
  target = kubernetes.deployment { namespace = "rag", name = "embedder" },
  replicas = { min = 2, max = 16 },
  startup = "2m",
  metrics = {
    duty = prometheus { query = 'avg(DCGM_FI_DEV_GPU_UTIL{pod=~"embedder-.*"})', unit = "percent", per = "replica", saturation = 100 },
  },
  track = { duty = 50 },
  scale_in = {
    { name = "saver", when = function(m) return m.duty < 60 end, sustained_for = "10m", remove = 2 },
  },
}
