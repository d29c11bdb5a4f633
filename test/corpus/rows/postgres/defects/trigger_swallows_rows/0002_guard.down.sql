drop trigger guard on orders;
drop function guard();
