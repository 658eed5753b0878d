policy "stable-diffusion" {
  target = kubernetes.deployment { namespace = "gen", name = "sdxl" },
  replicas = { min = 1, max = 8 },
  interval = "15s",
  startup = "7m",
  metrics = {
    waiting = llm_gateway.triton { model = "sdxl" },
  },
  scale_out = { { name = "queue", when = function(m) return m.waiting > 4 end, sustained_for = "1m", add = 1 } },
  scale_in = { { name = "none", when = function(m) return m.waiting == 0 end, sustained_for = "15m", remove = 1 } },
  cooldown = { scale_out = "1m", scale_in = "10m" },
}
