/* shape_schema.c - a field table printed as JSON Schema (2020-12). Sub-shapes are referred to by name, under /components/schemas. */
#include "http/shape.h"

static void schema_string(struct buf *out, const char *format)
{
    json_str(out, "type", "string");
    if (format)
        json_str(out, "format", format);
}

static void schema_ref(struct buf *out, const struct shape *shape)
{
    struct buf ref = buf_heap();

    buf_printf(&ref, "#/components/schemas/%s", shape->name);
    json_str(out, "$ref", ref.data);
    buf_free(&ref);
}

static void schema_lengths(struct buf *out, const struct field *field)
{
    if (field->min)
        json_int(out, "minLength", field->min);
    if (field->max)
        json_int(out, "maxLength", field->max);
}

static void schema_type(struct buf *out, const struct field *field)
{
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_LINE:
        schema_string(out, NULL);
        schema_lengths(out, field);
        break;
    case FIELD_EMAIL:
        schema_string(out, "email");
        json_int(out, "maxLength", 254);
        break;
    case FIELD_ID:
        schema_string(out, "uuid");
        break;
    case FIELD_INT:
        json_str(out, "type", "integer");
        json_int(out, "minimum", field->min);
        json_int(out, "maximum", field->max);
        break;
    case FIELD_BOOL:
        json_str(out, "type", "boolean");
        break;
    case FIELD_TIME:
        schema_string(out, "date-time");
        break;
    case FIELD_ENUM:
        schema_string(out, NULL);
        json_open_array(out, "enum");
        for (int i = 0; field->words[i]; i++)
            json_str(out, NULL, field->words[i]);
        json_close_array(out);
        break;
    case FIELD_SLUG:
        schema_string(out, NULL);
        json_str(out, "pattern", "^[a-z0-9-]+$");
        schema_lengths(out, field);
        break;
    case FIELD_CURRENCY:
        schema_string(out, NULL);
        json_str(out, "pattern", "^[A-Z]{3}$");
        break;
    case FIELD_ZONE:
        schema_string(out, NULL);
        break;
    case FIELD_COUNTRY:
        schema_string(out, NULL);
        json_str(out, "pattern", "^[A-Z]{2}$");
        break;
    case FIELD_URL:
        schema_string(out, "uri");
        if (field->max)
            json_int(out, "maxLength", field->max);
        break;
    case FIELD_OBJECT:
        schema_ref(out, field->shape);
        break;
    case FIELD_LIST:
    case FIELD_ID_LIST:
    case FIELD_TEXT_LIST:
        json_str(out, "type", "array");
        json_int(out, "minItems", field->min);
        json_int(out, "maxItems", field->max);
        json_open(out, "items");
        if (field->type == FIELD_LIST)
            schema_ref(out, field->shape);
        else
            schema_string(out, field->type == FIELD_ID_LIST ? "uuid" : NULL);
        json_close(out);
        break;
    }
}

void shape_field_schema(const struct field *field, struct buf *out, const char *name)
{
    json_open(out, name);
    if (field->flags & NULLABLE) {
        json_open_array(out, "anyOf");
        json_open(out, NULL);
        schema_type(out, field);
        json_close(out);
        json_open(out, NULL);
        json_str(out, "type", "null");
        json_close(out);
        json_close_array(out);
    } else {
        schema_type(out, field);
    }
    if (field->help)
        json_str(out, "description", field->help);
    json_close(out);
}

void shape_schema(const struct shape *shape, struct buf *out)
{
    bool any = false;

    json_open(out, NULL);
    json_str(out, "type", "object");
    json_open(out, "properties");
    for (const struct field *field = shape->fields; field->name; field++) {
        shape_field_schema(field, out, field->name);
        any |= field->flags & REQUIRED;
    }
    json_close(out);
    if (any) {
        json_open_array(out, "required");
        for (const struct field *field = shape->fields; field->name; field++)
            if (field->flags & REQUIRED)
                json_str(out, NULL, field->name);
        json_close_array(out);
    }
    json_bool(out, "additionalProperties", false);
    json_close(out);
}
