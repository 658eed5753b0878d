policy "ranker" {
  target = kubernetes.deployment { namespace = "ml", name = "ranker" },
  replicas = { min = 3, max = 24 },
  startup = "90s",
  metrics = {
    duty = prometheus { query = 'avg(DCGM_FI_DEV_GPU_UTIL{namespace="ml",pod=~"ranker-.*"})', unit = "percent", per = "replica", saturation = 100 },
    waiting = llm_gateway.triton { model = "ranker" },
  },
  track = { duty = 70 },
  scale_out = {
    { name = "pending requests", when = function(m) return m.waiting >= 32 end, sustained_for = "45s", percent = 34 },
  },
  tolerance = { scale_out = 0.05, scale_in = 0.15 },
}
