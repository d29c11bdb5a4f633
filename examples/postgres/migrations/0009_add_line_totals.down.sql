alter table order_lines drop column total_cents;
