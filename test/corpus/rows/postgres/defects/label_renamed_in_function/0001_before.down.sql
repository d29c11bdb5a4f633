drop function open_orders; drop table orders; drop type status;
