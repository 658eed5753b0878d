-- What a platform team may ask of every policy in production. An example: copy and change it.

local function in_production(p)
  local namespace = p.target and p.target.namespace
  return namespace ~= nil and string.find(namespace, "^prod") ~= nil
end

rule "lone-replica" {
  level = "error",
  policy = function(p, report)
    if in_production(p) and p.replicas.min < 2 then
      report {
        at = p.replicas.min,
        message = `production may go down to {p.replicas.min} replica`,
        help = "set `replicas.min` to 2 or more: one node that is drained must not take the service along",
      }
    end
    for _, window in ipairs(p.schedule) do
      if in_production(p) and window.min ~= nil and window.min < 2 then
        report { at = window.min, message = `the window "{window.name}" lets production go down to {window.min}` }
      end
    end
  end,
}

rule "silent-ceiling" {
  policy = function(p, report)
    if in_production(p) and not p.on.at_max then
      report {
        at = p.replicas.max,
        message = `nobody hears of it when {p.name} is at its ceiling of {p.replicas.max}`,
        help = "add a hook: on = { at_max = function(event, act) … end }",
      }
    end
  end,
}
