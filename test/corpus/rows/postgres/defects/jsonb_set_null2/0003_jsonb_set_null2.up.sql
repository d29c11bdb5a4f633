update users set settings = jsonb_set(settings, '{phone}', to_jsonb(phone)) where settings is not null;
