drop trigger t on orders; drop function t;
