if metrics.cpu > 0.8 then
  scale_out()
elseif metrics.memory < 0.5 then
  scale_in()
end
