"""What clients of the REST interface want to book: two nights for two, and a table for four."""

BOOKING = {
    "customerName": "John Smith",
    "guests": 2,
    "source": "web",
    "roomType": "double",
    "checkIn": "2031-05-01",
    "checkOut": "2031-05-03",
}
TABLE = {"customerName": "Ada Low", "guests": 4, "source": "phone", "date": "2031-05-01T19:00:00Z"}
