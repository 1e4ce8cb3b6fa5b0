/**
 * The messages of the socket. Generated from rtdash/protocol/models.py, not to be edited:
 * python -m rtdash.protocol.typescript > rtdash/web/lib/messages.d.ts
 */

/** Tonight's rooms. */
export interface Availability {
  totalRooms: number;
  availableRooms: number;
  occupancyRate: number;
}

/** Messages that came within the window that the connection asked for; at most 64 KiB. */
export interface Batch {
  type: "batch";
  timestamp?: string | null;
  messages: (StatsUpdate | RoomAvailabilityUpdate | NewReservation | ReservationUpdate | UpcomingReservation | Notification | Reset)[];
}

/** The channels of the requirements. */
export type Channel = "hotel_stats" | "hotel_reservations" | "hotel_notifications" | "restaurant_stats" | "restaurant_reservations" | "restaurant_notifications";

/** The close that follows, and how to come back: after `retryAfterMs` plus a random part of `jitterMs`. */
export interface Disconnect {
  /** RFC 3339, UTC, milliseconds */
  timestamp: string;
  type: "disconnect";
  code: number;
  reason: string;
  reconnect: boolean;
  retryAfterMs: number;
  jitterMs: number;
}

/** A stay; `date` is the check-in date at the venue's check-in time. */
export interface HotelReservation {
  id: string;
  customerName: string;
  customerInitials: string;
  /** RFC 3339, UTC, milliseconds */
  date: string;
  /** At the venue, as in "7:00 PM" */
  time: string;
  guests: number;
  venue: string;
  source: string;
  currency: string;
  /** Major units of the currency */
  amount: number;
  /** Major units of the currency */
  paid: number;
  /** Major units of the currency */
  balance: number;
  prepaid: boolean;
  /** RFC 3339, UTC, milliseconds */
  createdAt: string;
  version: number;
  kind: "hotel";
  status: "Pending" | "Confirmed" | "CheckedIn" | "CheckedOut" | "Cancelled" | "NoShow" | "Upcoming";
  roomType: string;
  /** A local date */
  checkIn: string;
  /** A local date */
  checkOut: string;
  nights: number;
}

/** A booking. */
export interface NewReservation {
  /** RFC 3339, UTC, milliseconds */
  timestamp: string;
  venue: string;
  seq: number;
  operationId: string | null;
  at?: string | null;
  type: "new_reservation";
  reservation: HotelReservation | RestaurantReservation;
  channel: "hotel_reservations" | "restaurant_reservations";
}

/** Something that staff should know of. */
export interface Notification {
  /** RFC 3339, UTC, milliseconds */
  timestamp: string;
  venue: string;
  seq: number;
  operationId: string | null;
  at?: string | null;
  type: "notification";
  level: "info" | "warning" | "critical";
  title: string;
  body: string;
  reservationId?: string | null;
  channel: "hotel_notifications" | "restaurant_notifications";
}

/** Kind of an operation, in the words of the wire (guide: rest, "Writing"). */
export type Op = "book" | "confirm" | "check_in" | "undo_check_in" | "check_out" | "seat" | "undo_seat" | "complete" | "cancel" | "reinstate" | "no_show" | "undo_no_show" | "amend" | "pay" | "charge" | "refund" | "put";

/** Any later change. A reservation of a lower `version` never overwrites one of a higher. */
export interface ReservationUpdate {
  /** RFC 3339, UTC, milliseconds */
  timestamp: string;
  venue: string;
  seq: number;
  operationId: string | null;
  at?: string | null;
  type: "reservation_update";
  reservation: HotelReservation | RestaurantReservation;
  change: Op;
  channel: "hotel_reservations" | "restaurant_reservations";
}

/** The history before `position` is gone: reload by REST and go on from there. */
export interface Reset {
  /** RFC 3339, UTC, milliseconds */
  timestamp: string;
  type: "reset";
  channel: Channel;
  venue: string;
  position: StreamPosition;
  reason: "history_gone" | "epoch_changed" | "beyond_head";
}

/** A table. */
export interface RestaurantReservation {
  id: string;
  customerName: string;
  customerInitials: string;
  /** RFC 3339, UTC, milliseconds */
  date: string;
  /** At the venue, as in "7:00 PM" */
  time: string;
  guests: number;
  venue: string;
  source: string;
  currency: string;
  /** Major units of the currency */
  amount: number;
  /** Major units of the currency */
  paid: number;
  /** Major units of the currency */
  balance: number;
  prepaid: boolean;
  /** RFC 3339, UTC, milliseconds */
  createdAt: string;
  version: number;
  kind: "restaurant";
  status: "Pending" | "Confirmed" | "Seated" | "Completed" | "Cancelled" | "NoShow" | "Upcoming";
  durationMinutes: number | null;
}

/** State of hotels: the latest one counts. */
export interface RoomAvailabilityUpdate {
  /** RFC 3339, UTC, milliseconds */
  timestamp: string;
  type: "room_availability_update";
  availability: Availability;
  channel: "hotel_stats";
  venue: string;
  /** A local date */
  businessDate: string;
}

/** The dashboard's figures of one business date. */
export interface Stats {
  reservationsToday: number;
  prepaidReservations: number;
  expectedGuests: number;
  /** Major units of the currency */
  pendingPayments: number;
  /** Percent against the same local time a week before; null where that was 0 */
  pendingPaymentsTrend: number | null;
  /** Percent against the same local time a week before; null where that was 0 */
  reservationsTrend: number | null;
  /** Percent against the same local time a week before; null where that was 0 */
  prepaidTrend: number | null;
  /** Percent against the same local time a week before; null where that was 0 */
  guestsTrend: number | null;
}

/** State: the latest one counts. */
export interface StatsUpdate {
  /** RFC 3339, UTC, milliseconds */
  timestamp: string;
  type: "stats_update";
  stats: Stats;
  channel: "hotel_stats" | "restaurant_stats";
  venue: string;
  currency: string;
  /** A local date */
  businessDate: string;
}

/** Just behind event `seq` in the log that `epoch` names. */
export interface StreamPosition {
  epoch: string;
  seq: number;
}

/** Send `authenticate` with a new token before `expiresAt`. */
export interface TokenExpiring {
  /** RFC 3339, UTC, milliseconds */
  timestamp: string;
  type: "token_expiring";
  /** RFC 3339, UTC, milliseconds */
  expiresAt: string;
}

/** Reservation with guests expected within the venue's lead; announced once. */
export interface UpcomingReservation {
  /** RFC 3339, UTC, milliseconds */
  timestamp: string;
  venue: string;
  seq: number;
  operationId: string | null;
  at?: string | null;
  type: "upcoming_reservation";
  reservation: HotelReservation | RestaurantReservation;
  channel: "hotel_notifications" | "restaurant_notifications";
}

/** A place in a stream: just behind event `seq` of the log that `epoch` names. */
export type Position = StreamPosition;

export type Reservation = HotelReservation | RestaurantReservation;

export type ChannelMessage =
  | StatsUpdate
  | RoomAvailabilityUpdate
  | NewReservation
  | ReservationUpdate
  | UpcomingReservation
  | Notification
  | Reset;

export type ServerMessage =
  | StatsUpdate
  | RoomAvailabilityUpdate
  | NewReservation
  | ReservationUpdate
  | UpcomingReservation
  | Notification
  | Reset
  | TokenExpiring
  | Disconnect
  | Batch;
