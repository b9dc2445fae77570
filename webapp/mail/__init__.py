"""Mail: putting it on the table, rendering it, handing it over."""
