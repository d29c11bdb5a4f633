create procedure close_orders(in u int)
begin
  update orders set status = 'closed' where customer_id = u;
end;
