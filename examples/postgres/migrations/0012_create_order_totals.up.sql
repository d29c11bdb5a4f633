create view order_totals as
select orders.id, orders.user_id, orders.status, coalesce(sum(order_lines.total_cents), 0)::integer as total_cents
from orders
left join order_lines on order_lines.order_id = orders.id
group by orders.id;
