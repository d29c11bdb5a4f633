drop function user_label;
