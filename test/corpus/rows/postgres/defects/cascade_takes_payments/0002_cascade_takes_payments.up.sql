-- Test orders of the first weeks.
delete from orders where id <= 2;
