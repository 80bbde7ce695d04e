export { Client, type ClientOptions, type Delivery, type UnsignedRequest } from "./client.js";
export * from "./errors.js";
export { type Batch, type Dropped, EventQueue, type Lock, type QueueOptions, type Storage } from "./queue.js";
export type { Retries } from "./retries.js";
export { type Event, newEvent } from "./schema.js";
export type {
  Answer, AppendOptions, AppendedEvent, Health, ListOptions, Problem, RankingOptions, Recommendation, ServedModel, SteeredOptions,
  TrendingOptions,
} from "./schema.js";
