create definer = 'deploy'@'localhost' view open_orders as select * from orders where status = 'open';
