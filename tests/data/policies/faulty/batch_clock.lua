policy "reindex" {
  target = kubernetes.deployment { namespace = "search", name = "reindex" },
  replicas = { min = 1, max = 12 },
  metrics = { docs = prometheus { query = "sum(reindex_documents_left)", unit = "count", per = "total" } },
  decide = function(m, ctx)
    local hour = tonumber(os.date("%H"))
    if hour < 6 and m.docs > 0 then return 12 end
    local jitter = math.random(0, 1)
    return math.ceil(m.docs / 100000) + jitter
  end,
}
